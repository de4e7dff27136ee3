// A process that does nothing, to be followed: it ends with its parent.
process.channel?.ref();
process.once('disconnect', () => process.exit(0));
