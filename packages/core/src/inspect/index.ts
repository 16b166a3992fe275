export { listGuestFilesystems } from './filesystem-list.js';
export { type GuestViewSources, SessionGuestView } from './guest-view.js';
export { Inspection, type InspectionSources } from './inspection.js';
