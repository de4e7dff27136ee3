module.exports = {
  displayName: 'simulation',
  ...require('../../jest.preset.cjs'),
  rootDir: __dirname,
  setupFiles: ['<rootDir>/src/time/entropy.ts'],
};
