module.exports = { displayName: 'services', ...require('../../jest.preset.cjs'), rootDir: __dirname };
