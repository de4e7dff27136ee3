export { diagnose, type DoctorAws, type DoctorOptions } from './doctor.js';
export { type CheckResult, type Report } from './examine.js';
export { type Finding, type Status } from './finding.js';
export { reportText } from './report-text.js';
export { type ProcessRole, processRoles } from './role-needs.js';
