module.exports = { displayName: 'simulation', ...require('../../jest.preset.cjs'), rootDir: __dirname };
