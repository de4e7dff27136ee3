import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

export interface Certificate {
  /** For the broker: its key and certificate, PKCS12. */
  readonly keyStore: string;
  readonly password: string;
  /** For clients: what they are to trust. */
  readonly pem: string;
  /** Where that stands. */
  readonly file: string;
}

const password = 'of-a-test';

/** A certificate for 127.0.0.1 that nobody else has signed, by the `keytool` that comes with Java. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const keyStore = path.join(folder, 'broker.p12');
  const file = path.join(folder, 'broker.pem');
  const store = ['-alias', 'broker', '-keystore', keyStore, '-storetype', 'PKCS12', '-storepass', password];
  const key = ['-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '2'];
  await keytool('-genkeypair', ...store, ...key, '-dname', 'CN=broker', '-ext', 'san=ip:127.0.0.1');
  await keytool('-exportcert', '-rfc', ...store, '-file', file);
  return { keyStore, password, file, pem: await readFile(file, 'utf8') };
}

async function keytool(...args: string[]): Promise<void> {
  await promisify(execFile)('keytool', args, { timeout: 60_000 });
}
