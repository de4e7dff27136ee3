module.exports = { displayName: 'protocol', ...require('../../jest.preset.cjs'), rootDir: __dirname };
