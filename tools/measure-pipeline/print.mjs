/** @param {import('./scenario.mjs').Outcome} outcome @param {ReturnType<typeof import('./verdict.mjs').judge>} verdict */
export function print({ facts, roles, notes }, verdict) {
  console.log('');
  for (const [name, value] of Object.entries(facts)) console.log(`  ${name.padEnd(24)} ${shown(value)}`);
  if (roles.length > 0) console.log(`\n  ${'role'.padEnd(28)} CPU of a core   MiB at the end   MiB at most`);
  for (const { name, phase, cpuShare, mib, mibMax } of roles) {
    const label = phase === undefined ? name : `${name}, ${phase}`;
    const share = `${(cpuShare * 100).toFixed(1)} %`;
    console.log(
      `  ${label.padEnd(28)} ${share.padStart(13)} ${mib.toFixed(0).padStart(16)} ${mibMax.toFixed(0).padStart(13)}`,
    );
  }
  console.log('');
  for (const { what, figure, rule, bound, unit = '', met } of verdict.goals)
    console.log(`  ${met ? 'met   ' : 'MISSED'} ${what}: ${shown(figure)}, ${rule} ${bound} ${unit}`.trimEnd());
  for (const note of notes) console.log(`  note: ${note}`);
}

/** @param {unknown} value */
function shown(value) {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(2) : String(value);
}
