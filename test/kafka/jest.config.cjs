module.exports = {
  displayName: 'kafka',
  ...require('../../jest.preset.cjs'),
  rootDir: __dirname,
  // Cases of the contract wait for sessions and time-outs most of their time.
  maxConcurrency: 6,
};
