import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One archive that this machine's own apt is set up to use. */
export interface AptArchive {
  uri: string;
  suites: string[];
  components: string[];
  /** Keyring files or fingerprints as the source has them, or an embedded key block; absent: apt's default keys. */
  signedBy?: string;
}

/** Reads `sources.list` and everything in `sources.list.d` (man 5 sources.list). */
export async function readAptArchives(etcApt = '/etc/apt'): Promise<AptArchive[]> {
  const parts = join(etcApt, 'sources.list.d');
  const files = [join(etcApt, 'sources.list'), ...(await namesIn(parts)).map((name) => join(parts, name))];
  const archives: AptArchive[] = [];
  for (const file of files) {
    if (file.endsWith('.list')) archives.push(...parseOneLineSources(await textOf(file)));
    if (file.endsWith('.sources')) archives.push(...parseDeb822Sources(await textOf(file)));
  }
  return archives;
}

/** The older format: `deb [signed-by=/usr/share/keyrings/x.gpg] http://mirror/debian bookworm main contrib`. */
export function parseOneLineSources(text: string): AptArchive[] {
  const archives: AptArchive[] = [];
  for (const line of text.split('\n')) {
    const found = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (!found) continue;
    const [, options = '', uri = '', suite = '', components = ''] = found;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1]?.replaceAll(',', ' ');
    archives.push({ uri, suites: [suite], components: words(components), ...(signedBy && { signedBy }) });
  }
  return archives;
}

/** The newer format: stanzas of `Field: value`, where a line that starts with a blank continues the field above. */
export function parseDeb822Sources(text: string): AptArchive[] {
  const archives: AptArchive[] = [];
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = parseStanza(stanza);
    if (!words(fields.get('types')).includes('deb') || fields.get('enabled')?.trim() === 'no') continue;
    const signedBy = fields.get('signed-by');
    for (const uri of words(fields.get('uris'))) {
      archives.push({
        uri,
        suites: words(fields.get('suites')),
        components: words(fields.get('components')),
        ...(signedBy && { signedBy }),
      });
    }
  }
  return archives;
}

function parseStanza(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = '';
  for (const line of stanza.split('\n')) {
    if (line.startsWith('#') || line.trim() === '') continue;
    if (/^\s/.test(line)) {
      fields.set(last, `${fields.get(last) ?? ''}\n${line}`);
      continue;
    }
    const colon = line.indexOf(':');
    last = line.slice(0, colon).trim().toLowerCase();
    fields.set(last, line.slice(colon + 1).trim());
  }
  return fields;
}

function words(text = ''): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

/** A machine may have either place or both; a missing one is not an error. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).toSorted();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
