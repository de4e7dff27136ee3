module.exports = { displayName: 'doctor', ...require('../../jest.preset.cjs'), rootDir: __dirname };
