import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OperatingSystem } from '@vmcraft/core';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { renderInspection } from '../../src/inspect/render.js';
import { inspectionReportOf } from '../../src/inspect/report.js';
import { inspectionReport, inspectionSchema } from '../../src/inspect/report-schema.js';

const repository = join(dirname(fileURLToPath(import.meta.url)), '../../../..');

const os: OperatingSystem = {
  root: '/dev/sda3',
  type: { value: 'linux', source: '/etc/os-release' },
  distro: { value: 'debian', source: '/etc/os-release' },
  productName: { value: 'Debian <12> & "co"', source: '/etc/os-release' },
  majorVersion: { value: 12, source: '/etc/os-release' },
  hostname: { value: 'bell\u0007', source: '/etc/hostname' },
  users: [
    { name: 'root', uid: 0 },
    { name: 'daemon', uid: 1 },
    { name: 'ada', uid: 1000 },
  ],
  mountPoints: [{ path: '/', mountable: '/dev/sda3', source: '/etc/fstab' }],
  filesystems: ['/dev/sda3', '/dev/sda2'],
  warnings: ['something odd'],
};

const report = inspectionReportOf(
  [{ os, applications: [{ name: 'apt', version: '2.6.1', arch: 'amd64' }] }],
  [{ mountable: '/dev/sda3', type: 'ext4', label: 'root', uuid: 'u-u', canMount: true }],
);

describe('renderInspection', () => {
  it('prints JSON and YAML with the same value, valid by the schema', async () => {
    const json = JSON.parse(await renderInspection(report, 'json'));
    expect(inspectionReport.parse(json)).toEqual(report);
    expect(parse(await renderInspection(report, 'yaml'))).toEqual(json);
  });

  it('prints the XML of virt-inspector, well-formed whatever the guest says', async () => {
    const xml = await renderInspection(report, 'xml');
    expect(XMLValidator.validate(xml)).toBe(true);
    const read = new XMLParser({ ignoreAttributes: false, parseTagValue: false }).parse(xml).operatingsystems
      .operatingsystem;
    expect(read).toMatchObject({
      root: '/dev/sda3',
      name: 'linux',
      distro: 'debian',
      product_name: 'Debian <12> & "co"',
      hostname: 'bell\ufffd',
      mountpoints: { mountpoint: { '#text': '/', '@_dev': '/dev/sda3' } },
      filesystems: {
        filesystem: [
          { '@_dev': '/dev/sda3', type: 'ext4', label: 'root', uuid: 'u-u' },
          { '@_dev': '/dev/sda2', type: 'unknown' },
        ],
      },
      applications: { application: { name: 'apt', version: '2.6.1', arch: 'amd64' } },
    });
  });

  it('prints text with sources, people and warnings', async () => {
    const text = await renderInspection(report, 'text');
    expect(text).toContain('Debian <12> & "co" on /dev/sda3');
    expect(text).toMatch(/Hostname .*\(\/etc\/hostname\)/);
    expect(text).toContain('Users            root, ada  (/etc/passwd)');
    expect(text).toContain('Warning: something odd');
  });

  it('says so when there is no system', async () => {
    expect(await renderInspection(inspectionReportOf([], []), 'text')).toBe('No operating system found.\n');
  });

  it('is described by the published schema', () => {
    const published = JSON.parse(readFileSync(join(repository, 'docs/schemas/inspection.schema.json'), 'utf8'));
    expect(published).toEqual(JSON.parse(JSON.stringify(inspectionSchema())));
  });
});
