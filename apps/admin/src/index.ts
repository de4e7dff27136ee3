export { type AdminOptions } from './admin-options.js';
export { type AdminService, startAdmin } from './start-admin.js';
