/** One case of a port's contract: any test runner can run it, `for (const c of cases) it(c.name, c.run)`. */
export interface ContractCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}
