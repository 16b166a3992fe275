import type { InspectionReport } from './report.js';

/** Forms in which a report is printed. */
export const INSPECTION_FORMATS = ['text', 'json', 'yaml', 'xml'] as const;

/** A form in which a report is printed. */
export type InspectionFormat = (typeof INSPECTION_FORMATS)[number];

/** The report as text in one of {@link INSPECTION_FORMATS}; the libraries for YAML and XML are loaded when needed. */
export async function renderInspection(report: InspectionReport, format: InspectionFormat): Promise<string> {
  if (format === 'json') return `${JSON.stringify(report, null, 2)}\n`;
  if (format === 'yaml') return (await import('yaml')).default.stringify(report, { lineWidth: 0 });
  if (format === 'xml') return (await import('./xml.js')).renderXml(report);
  return (await import('./text.js')).renderText(report);
}
