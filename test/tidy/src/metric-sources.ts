import ts from 'typescript';
import { files, read } from './repository.js';

type Kind = 'counter' | 'gauge' | 'histogram';

/** A metric that the sources create, wherever that is. */
export interface CreatedMetric {
  readonly name: string;
  readonly kind: Kind;
  /** Names of its labels, in the order of the alphabet. */
  readonly labels: readonly string[];
  /** Where, as `file:line`. */
  readonly at: string;
}

/** Where the labels stand among the arguments of the registry's methods; the name is the first of them. */
const labelsAt: Readonly<Record<Kind, number>> = { counter: 2, gauge: 2, histogram: 3 };

/** Every metric that the libraries and apps create; `unreadable`: calls whose name or labels cannot be read off the text. */
export function createdMetrics(): { readonly created: CreatedMetric[]; readonly unreadable: string[] } {
  const sources = [...files('libs'), ...files('apps')].filter(
    (file) => /^(?:libs|apps)\/[^/]+\/src\/.*\.tsx?$/.test(file) && !/\.spec\.tsx?$|\/testing\//.test(file),
  );
  // Parsing takes long, and most files create none.
  const found = sources
    .map((file) => [file, read(file)] as const)
    .filter(([, text]) => /\.\s*(?:counter|gauge|histogram)\s*\(/.test(text))
    .map(([file, text]) => metricsIn(file, text));
  return {
    created: found.flatMap(({ created }) => created),
    unreadable: found.flatMap(({ unreadable }) => unreadable),
  };
}

/** The same for one file. */
export function metricsIn(file: string, text: string): { created: CreatedMetric[]; unreadable: string[] } {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const created: CreatedMetric[] = [];
  const unreadable: string[] = [];
  for (const call of callsIn(source)) {
    const kind = kindOf(call);
    const [nameNode] = call.arguments;
    if (kind === undefined || nameNode === undefined) continue;
    const at = `${file}:${source.getLineAndCharacterOfPosition(call.getStart()).line + 1}`;
    const names = textsOf(nameNode);
    const labels = labelSetsOf(call.arguments[labelsAt[kind]]);
    if (names === undefined || labels === undefined)
      unreadable.push(`${at}: write ${names === undefined ? 'the name' : 'the names of the labels'} as a literal`);
    else for (const name of names) for (const set of labels) created.push({ name, kind, labels: set, at });
  }
  return { created, unreadable };
}

/** `registry.counter(…)` with a name and a help text at least; a bare `counter(…)` is somebody's own function. */
function kindOf(call: ts.CallExpression): Kind | undefined {
  const method = call.expression;
  if (!ts.isPropertyAccessExpression(method) || call.arguments.length < 2) return undefined;
  const { text } = method.name;
  return text === 'counter' || text === 'gauge' || text === 'histogram' ? text : undefined;
}

/** Every text that an expression can be, as far as its own file tells; `undefined`: it does not. */
function textsOf(node: ts.Expression): string[] | undefined {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isTemplateExpression(node)) return templateTexts(node);
  if (ts.isIdentifier(node)) return everyMeaning(node, (meaning) => textsOf(meaning));
  return undefined;
}

function templateTexts({ head, templateSpans }: ts.TemplateExpression): string[] | undefined {
  let texts = [head.text];
  for (const { expression, literal } of templateSpans) {
    const middles = textsOf(expression);
    if (middles === undefined) return undefined;
    texts = texts.flatMap((text) => middles.map((middle) => text + middle + literal.text));
  }
  return texts;
}

/** The sets of label names that an argument can have. */
function labelSetsOf(node: ts.Expression | undefined): string[][] | undefined {
  if (node === undefined) return [[]];
  if (ts.isIdentifier(node)) return everyMeaning(node, labelSetsOf);
  if (!ts.isObjectLiteralExpression(node)) return undefined;
  let sets: string[][] = [[]];
  for (const property of node.properties) {
    const added = ts.isSpreadAssignment(property) ? labelSetsOf(property.expression) : [[property.name.getText()]];
    if (added === undefined) return undefined;
    sets = sets.flatMap((set) => added.map((more) => [...set, ...more].sort()));
  }
  return sets;
}

/** What a name stands for: the value of its constant, or what the calls of its function give as that parameter. */
function everyMeaning<T>(name: ts.Identifier, read: (meaning: ts.Expression) => T[] | undefined): T[] | undefined {
  const meanings = constantOf(name) ?? argumentsFor(name);
  const found = meanings?.map(read);
  return found === undefined || found.length === 0 || found.includes(undefined) ? undefined : (found.flat() as T[]);
}

function constantOf(name: ts.Identifier): ts.Expression[] | undefined {
  for (let scope: ts.Node = name.parent; scope !== undefined; scope = scope.parent) {
    if (parameterIndex(scope, name.text) >= 0) return undefined;
    if (!ts.isBlock(scope) && !ts.isSourceFile(scope)) continue;
    for (const statement of scope.statements.filter(ts.isVariableStatement))
      for (const { name: declared, initializer } of statement.declarationList.declarations)
        if (declared.getText() === name.text && initializer !== undefined) return [initializer];
  }
  return undefined;
}

function argumentsFor(name: ts.Identifier): ts.Expression[] | undefined {
  for (let scope: ts.Node = name.parent; scope !== undefined; scope = scope.parent) {
    const index = parameterIndex(scope, name.text);
    if (index < 0) continue;
    const called = nameOfFunction(scope);
    const calls = callsIn(scope.getSourceFile()).filter(({ expression }) => expression.getText() === called);
    return calls.flatMap(({ arguments: given }) => given[index] ?? []);
  }
  return undefined;
}

function parameterIndex(node: ts.Node, name: string): number {
  return ts.isFunctionLike(node) ? node.parameters.findIndex((parameter) => parameter.name.getText() === name) : -1;
}

function nameOfFunction(node: ts.Node): string | undefined {
  if (ts.isFunctionDeclaration(node)) return node.name?.text;
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : undefined;
}

function callsIn(node: ts.Node): ts.CallExpression[] {
  const calls: ts.CallExpression[] = [];
  const visit = (child: ts.Node): void => {
    if (ts.isCallExpression(child)) calls.push(child);
    ts.forEachChild(child, visit);
  };
  ts.forEachChild(node, visit);
  return calls;
}
