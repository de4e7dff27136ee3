export { aws, type AwsOptions } from './aws-backend.js';
