module.exports = { displayName: 'dispatcher', ...require('../../jest.preset.cjs'), rootDir: __dirname };
