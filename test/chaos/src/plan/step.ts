/** A process of the world that can be made to fail. */
export const roles = [
  ...(['pod-1', 'pod-2', 'pod-3'] as const),
  ...(['sync-1', 'sync-2', 'dispatcher-1', 'dispatcher-2', 'admin-1', 'admin-2', 'kafka'] as const),
] as const;
export type Role = (typeof roles)[number];

export type LinkService = 'kafka' | 'dynamodb' | 'kinesis';

/** A connection of a role to a service, through a proxy of its own. */
export interface Link {
  readonly role: Role;
  readonly to: LinkService;
}

/** Every proxied link. */
export const links: readonly Link[] = roles.flatMap((role) => linksOf(role).map((to) => ({ role, to })));

/** What goes wrong, or right again, at a moment of a scenario. */
export type Deed =
  | { readonly do: 'kill' | 'start' | 'pause' | 'resume'; readonly role: Role }
  | { readonly do: 'latency'; readonly link: Link; readonly ms: number; readonly jitterMs: number }
  | { readonly do: 'stall' | 'stall-up' | 'stall-down' | 'reset' | 'cut' | 'half-open' | 'heal'; readonly link: Link }
  /** Writes another owner into a lease, as a worker that steals does. */
  | { readonly do: 'steal'; readonly index: number }
  /** Puts records into the stream that are no change records, and items that are none of Tidemark's. */
  | { readonly do: 'poison'; readonly count: number }
  /** Writes items whose values are too large for an event. */
  | { readonly do: 'oversize'; readonly count: number }
  /** Splits the open shard with the widest range of keys, or merges two neighbours. */
  | { readonly do: 'split' | 'merge' }
  /** The next requests to a service are refused for their rate. */
  | { readonly do: 'throttle'; readonly service: 'dynamodb' | 'kinesis'; readonly times: number }
  | { readonly do: 'shift-clock'; readonly role: Role; readonly ms: number }
  /** Deletes the older records of every topic of events. */
  | { readonly do: 'cut-retention' }
  /** Has an admin move the table to the other of two topics, as soon as one answers and no other change of the route is under way. */
  | { readonly do: 'move-route' }
  /** Likewise: pauses the table and resumes it so much later, or sends again what came in the time before. */
  | { readonly do: 'hold-route' | 'rewind-route'; readonly ms: number };

export interface Step {
  /** Since the scenario began. */
  readonly atMs: number;
  readonly deed: Deed;
}

export function linksOf(role: Role): readonly LinkService[] {
  if (role === 'kafka') return [];
  if (role.startsWith('pod')) return ['kafka', 'dynamodb'];
  return role.startsWith('sync') ? ['kafka', 'dynamodb', 'kinesis'] : ['kafka'];
}

/** The step in a line, for the report of a failure. */
export function describeStep({ atMs, deed }: Step): string {
  const { do: what, ...rest } = deed;
  const details = (Object.values(rest) as readonly (Link | string | number)[]).map((value) =>
    typeof value === 'object' ? `${value.role}/${value.to}` : String(value),
  );
  return [`${(atMs / 1_000).toFixed(1)} s`, what, ...details].join(' ');
}
