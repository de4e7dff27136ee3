import { existsSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { files, read, root } from './repository.js';

/** A fenced block of TypeScript in a document. */
export interface Snippet {
  readonly page: string;
  /** Of its first line of code, from 1. */
  readonly line: number;
  readonly text: string;
  /** What stands before it: imports, and declarations of what its reader has. */
  readonly prelude: string;
}

/** One page's prelude: `libs/cache/README.md` has `fixtures/snippets/libs-cache-README.md.ts.txt`. */
export function preludeOf(page: string): string {
  return `test/tidy/fixtures/snippets/${page.replaceAll('/', '-')}.ts.txt`;
}

/** Every block of TypeScript in the documents. */
export function snippets(): Snippet[] {
  return files()
    .filter((file) => file.endsWith('.md'))
    .flatMap((page) => snippetsIn(page, read(page)));
}

export function snippetsIn(page: string, text: string): Snippet[] {
  const file = preludeOf(page);
  const prelude = existsSync(path.join(root, file)) ? read(file) : '';
  return [...text.matchAll(/^```(?:ts|tsx|typescript)\b.*\n([^]*?)^```/gm)].map(({ index, 0: block, 1: code = '' }) => {
    const before = text.slice(0, index + block.indexOf('\n') + 1);
    return { page, line: before.split('\n').length, text: code, prelude };
  });
}

/** What the compiler has against the snippets, as `page:line: message`. They exist in memory alone. */
export function typeErrors(all: readonly Snippet[]): string[] {
  const byFile = new Map(all.map((snippet, i) => [path.join(root, 'test/tidy/snippets', `${i}.ts`), snippet]));
  const options = compilerOptions();
  const program = ts.createProgram([...byFile.keys()], options, hostWith(byFile, options));
  return [...byFile].flatMap(([file, snippet]) => {
    const source = program.getSourceFile(file);
    if (source === undefined) throw new Error(`${snippet.page}:${snippet.line} was not compiled`);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map((diagnostic) => described(diagnostic, source, snippet));
  });
}

/** As every package is compiled, with the packages' sources in place of their builds. */
function compilerOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.base.json'), ts.sys.readFile) as {
    config: { compilerOptions: Record<string, unknown> };
  };
  const { options, errors } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  if (errors.length > 0) throw new Error('tsconfig.base.json cannot be read');
  return {
    ...options,
    composite: false,
    declaration: false,
    declarationMap: false,
    noEmit: true,
    noUnusedLocals: false,
  };
}

function hostWith(byFile: ReadonlyMap<string, Snippet>, options: ts.CompilerOptions): ts.CompilerHost {
  const host = ts.createCompilerHost(options);
  const textOf = (file: string): string | undefined => {
    const snippet = byFile.get(file);
    return snippet === undefined ? undefined : moduleOf(snippet);
  };
  return {
    ...host,
    // Nothing here reads comments, and reading them takes a tenth of the time.
    jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
    fileExists: (file) => byFile.has(file) || host.fileExists(file),
    readFile: (file) => textOf(file) ?? host.readFile(file),
    getSourceFile: (file, languageVersionOrOptions, onError) => {
      const text = textOf(file);
      return text === undefined
        ? host.getSourceFile(file, languageVersionOrOptions, onError)
        : ts.createSourceFile(file, text, languageVersionOrOptions, true);
    },
  };
}

/** `export {}`: a module whatever it says, so that snippets share no names and may await. */
function moduleOf({ prelude, text }: Snippet): string {
  return `${prelude}export {};\n${text}`;
}

function described(diagnostic: ts.Diagnostic, source: ts.SourceFile, snippet: Snippet): string {
  const at = source.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line;
  const preludeLines = snippet.prelude.split('\n').length;
  const where =
    at < preludeLines ? `${preludeOf(snippet.page)}:${at + 1}` : `${snippet.page}:${snippet.line + at - preludeLines}`;
  return `${where}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`;
}
