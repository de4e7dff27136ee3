module.exports = { displayName: 'runtime', ...require('../../jest.preset.cjs'), rootDir: __dirname };
