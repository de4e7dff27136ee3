// Apache Kafka itself: its jars, fetched once by Maven into a cache folder.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export const kafkaVersion = '4.2.0';

const javaMajorMin = 17;
const downloadTimeoutMs = 300_000;
const leftoverAgeMsMax = 3_600_000;

/** Log4j prints the broker's errors to its output; without it a broker that cannot start is silent. */
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tidemark</groupId>
  <artifactId>real-kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${kafkaVersion}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.25.3</version>
    </dependency>
  </dependencies>
</project>
`;

/** Where the jars are kept: `TIDEMARK_KAFKA_HOME`, or a folder of the system's temporary one. */
export function cacheFolder() {
  return process.env.TIDEMARK_KAFKA_HOME ?? path.join(tmpdir(), 'tidemark-kafka');
}

/**
 * Whether Apache Kafka can be run here: Java 17 or newer, and Maven unless the jars are in the cache.
 * @returns {{ ok: true, version: string } | { ok: false, reason: string }}
 */
export function available() {
  const java = printed('java', ['-version']);
  if (java === undefined) return { ok: false, reason: 'java is not on the PATH' };
  const major = Number(/version "(\d+)/.exec(java)?.[1]);
  if (!(major >= javaMajorMin)) return { ok: false, reason: `Java ${javaMajorMin} or newer is needed; found ${major}` };
  if (!existsSync(jarFolder(cacheFolder())) && printed('mvn', ['--version']) === undefined) {
    return { ok: false, reason: 'mvn is not on the PATH, and the jars are not in the cache' };
  }
  return { ok: true, version: kafkaVersion };
}

/**
 * Fetches the jars where the cache does not hold them. The folder appears whole or not at all: whoever comes second
 * in a race uses what the first has made, and a download that was cut short is removed an hour later.
 * @param {string} [cache] default: `cacheFolder()`
 * @param {(folder: string) => Promise<void>} [download] puts the jars into a folder; for tests
 * @returns {Promise<string>} a Java class path
 */
export async function classPath(cache = cacheFolder(), download = downloadJars) {
  const folder = jarFolder(cache);
  if (!existsSync(folder)) {
    await mkdir(cache, { recursive: true });
    await removeLeftovers(cache);
    const attempt = await mkdtemp(path.join(cache, 'download-'));
    try {
      await download(attempt);
      await rename(path.join(attempt, 'jars'), folder).catch((error) => {
        if (!existsSync(folder)) throw error;
      });
    } finally {
      await rm(attempt, { recursive: true, force: true });
    }
  }
  const jars = (await readdir(folder)).filter((name) => name.endsWith('.jar')).sort();
  return jars.map((name) => path.join(folder, name)).join(path.delimiter);
}

/** @param {string} cache */
function jarFolder(cache) {
  return path.join(cache, `kafka-${kafkaVersion}`);
}

/**
 * With a Maven repository of its own: two Maven processes on one repository can spoil it for each other.
 * @param {string} folder
 */
async function downloadJars(folder) {
  await writeFile(path.join(folder, 'pom.xml'), pom);
  const args = [
    '--quiet',
    '--batch-mode',
    '--strict-checksums',
    `-Dmaven.repo.local=${path.join(folder, 'repository')}`,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${path.join(folder, 'jars')}`,
  ];
  try {
    await promisify(execFile)('mvn', args, { cwd: folder, timeout: downloadTimeoutMs });
  } catch (error) {
    const output = /** @type {{ stdout?: string }} */ (error).stdout ?? '';
    throw new Error(`Maven could not fetch Apache Kafka ${kafkaVersion}: ${output.slice(0, 2000)}`, { cause: error });
  }
}

/** @param {string} cache */
async function removeLeftovers(cache) {
  for (const name of await readdir(cache)) {
    const folder = path.join(cache, name);
    const found = name.startsWith('download-') ? await stat(folder).catch(() => undefined) : undefined;
    if (found !== undefined && Date.now() - found.mtimeMs > leftoverAgeMsMax) {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

/**
 * @param {string} command
 * @param {string[]} args
 * @returns what it printed on either output, or undefined where it could not run
 */
function printed(command, args) {
  try {
    const pipe = /** @type {const} */ ('pipe');
    // `java -version` speaks on the error output.
    return execFileSync('sh', ['-c', '"$0" "$@" 2>&1', command, ...args], {
      encoding: 'utf8',
      stdio: pipe,
      timeout: 20_000,
    });
  } catch {
    return undefined;
  }
}
