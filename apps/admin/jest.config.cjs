module.exports = { displayName: 'admin', ...require('../../jest.preset.cjs'), rootDir: __dirname };
