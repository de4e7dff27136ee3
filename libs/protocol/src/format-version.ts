/**
 * Every format carries `major.minor`. A newer minor only adds, so it is read and what it adds is ignored; another major is refused.
 * Readers ship a release before writers.
 */
export type VersionCheck = { readonly readable: true } | { readonly readable: false; readonly version: string };

/** Whether a reader of major version `major` may read what says `version`. */
export function checkVersion(version: unknown, major: number): VersionCheck {
  const match = typeof version === 'string' ? /^(\d{1,4})\.(\d{1,4})$/.exec(version) : null;
  if (match !== null && Number(match[1]) === major) return { readable: true };
  return { readable: false, version: typeof version === 'string' ? version.slice(0, 32) : String(typeof version) };
}
