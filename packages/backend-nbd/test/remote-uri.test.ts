import { describe, expect, it } from 'vitest';
import { remoteFilename, remoteImage, secretArguments } from '../src/remote-image.js';
import { parseRemoteUri } from '../src/remote-uri.js';

/** What the options of qemu's drivers are called: QAPI reference, `BlockdevOptions`. */
describe('images of other hosts, in the words of qemu', () => {
  it.each([
    ['https://joe@example.com/a%20b?x=1', { driver: 'https', url: 'https://example.com/a%20b?x=1', username: 'joe' }],
    ['ssh://me@host/a%20b', { driver: 'ssh', server: { host: 'host', port: '22' }, path: '/a b', user: 'me' }],
    [
      'ssh://[::1]:2222/d?host_key_check=sha256:00ff',
      {
        driver: 'ssh',
        server: { host: '::1', port: '2222' },
        path: '/d',
        'host-key-check': { mode: 'hash', type: 'sha256', hash: '00ff' },
      },
    ],
    [
      'iscsi://joe@host/iqn.2026-01.com.example:a/3',
      {
        driver: 'iscsi',
        transport: 'tcp',
        portal: 'host:3260',
        target: 'iqn.2026-01.com.example:a',
        lun: 3,
        user: 'joe',
      },
    ],
    ['rbd:///pool/image', { driver: 'rbd', pool: 'pool', image: 'image' }],
    [
      'rbd://admin@mon1/pool/image?server=mon2:3300&server=[::1]:6789',
      {
        driver: 'rbd',
        pool: 'pool',
        image: 'image',
        user: 'admin',
        server: [
          { host: 'mon1', port: '6789' },
          { host: 'mon2', port: '3300' },
          { host: '::1', port: '6789' },
        ],
      },
    ],
  ])('%s', (uri, options) => expect(parseRemoteUri(uri).options).toEqual(options));

  it('a secret is read from standard input, and its id alone is named', () => {
    const image = remoteImage('rbd://admin@mon/pool/image', 'QUJDRA==');
    expect(image.secret).toBe('QUJDRA==');
    const line = [...secretArguments(image), remoteFilename(image, 'qcow2')].join(' ');
    expect(line).toContain('"key-secret":"vmcraft-secret"');
    expect(line).toContain('"backing":null');
    expect(line).not.toContain('QUJDRA');
  });
});
