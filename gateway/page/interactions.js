// What the agent has: the resources as they last were, by id.

export class Interactions {
  #known = new Map();
  #count = 0;

  /** A resource as it stands now; `problem` is what went wrong with it, `null` that nothing does any more. */
  put(channel, resource, problem = undefined) {
    const before = this.#known.get(resource.id);
    this.#known.set(resource.id, {
      channel,
      resource,
      since: before?.since ?? this.#count++,
      problem: problem === undefined ? before?.problem ?? null : problem,
    });
  }

  get(id) {
    return this.#known.get(id);
  }

  /** What a listing said: what is open and not listed is no longer the agent's. */
  replaceOpen(channel, resources) {
    const listed = new Set(resources.map((resource) => resource.id));
    for (const [id, known] of this.#known) {
      if (known.channel === channel && !isOver(known.resource) && !listed.has(id)) this.#known.delete(id);
    }
    for (const resource of resources) this.put(channel, resource);
  }

  /** Open ones first come, first listed; then what is over, the latest first. */
  groups() {
    const all = [...this.#known.values()].sort((one, other) => one.since - other.since);
    return [
      { title: "Open", of: all.filter(({ resource }) => !isOver(resource)) },
      { title: "Over", of: all.filter(({ resource }) => isOver(resource)).reverse() },
    ].filter((group) => group.of.length > 0);
  }
}

const isOver = (resource) => ["Completed", "Canceled"].includes(resource.state);
