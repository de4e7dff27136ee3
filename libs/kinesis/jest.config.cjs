module.exports = { displayName: 'kinesis', ...require('../../jest.preset.cjs'), rootDir: __dirname };
