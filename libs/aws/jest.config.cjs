module.exports = { displayName: 'aws', ...require('../../jest.preset.cjs'), rootDir: __dirname };
