/**
 * The version that is looked at: one for all charts, moved by one slider or by pointing.
 * Whoever shows something of it asks to be told.
 */

export class Cursor {
  /** @param {number[]} versions  Oldest first; the newest is looked at. */
  constructor(versions) {
    this.versions = versions;
    this.place = versions.length - 1;
    /** @type {((version: number, place: number) => void)[]} */
    this.watchers = [];
  }

  get version() {
    return this.versions[this.place];
  }

  /** @param {number} place */
  move(place) {
    this.place = Math.max(0, Math.min(this.versions.length - 1, place));
    for (const watch of this.watchers) watch(this.version, this.place);
  }

  /** @param {(version: number, place: number) => void} watch  Called at once, and on every move. */
  watch(watch) {
    this.watchers.push(watch);
    watch(this.version, this.place);
  }
}
