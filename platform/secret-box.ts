import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** A key for secrets, and the name that is stored beside what it has encrypted. */
export interface SecretKey {
  id: string;
  key: Buffer;
}

/** A secret as it is stored. */
export interface SealedSecret {
  keyId: string;
  /** Base64 of the nonce (12 bytes), the ciphertext and the tag (16 bytes). */
  sealed: string;
}

/** Of which job, and of which of its fields, a secret is: it can not be opened as another one's. */
interface SecretOwner {
  jobId: string;
  field: string;
}

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Reads `id:base64,id:base64`. Faults are said in words, which never show a key. */
export function parseSecretKeys(text: string): { keys: SecretKey[]; faults: string[] } {
  const keys: SecretKey[] = [];
  const faults: string[] = [];
  if (text === '') return { keys, faults };
  for (const [index, entry] of text.split(',').entries()) {
    const [, id, encoded] = /^\s*([A-Za-z0-9_.-]{1,32}):([A-Za-z0-9+/_-]+={0,2})\s*$/.exec(entry) ?? [];
    const key = Buffer.from(encoded ?? '', 'base64');
    if (id === undefined || key.length !== KEY_BYTES)
      faults.push(
        `key ${index + 1} must be a name, a colon and ${KEY_BYTES} random bytes in base64 (openssl rand -base64 ${KEY_BYTES})`,
      );
    else if (keys.some((known) => known.id === id)) faults.push(`two keys are named ${JSON.stringify(id)}`);
    else keys.push({ id, key });
  }
  return { keys, faults };
}

/** Encrypts and decrypts secrets. */
export interface SecretBox {
  /** The key with which secrets are encrypted; undefined if there is none, and none can be. */
  currentKeyId: string | undefined;
  /** The names of all keys. */
  keyIds: string[];
  /** @throws Error if there is no key */
  seal: (owner: SecretOwner, text: string) => SealedSecret;
  /** @throws Error for a key that is not there, and for what was encrypted with another one or for another owner */
  open: (owner: SecretOwner, secret: SealedSecret) => string;
}

/** A box with these keys: the first one encrypts, all of them decrypt. AES-256-GCM (NIST SP 800-38D). */
export function createSecretBox(keys: readonly SecretKey[]): SecretBox {
  const [current] = keys;
  return {
    currentKeyId: current?.id,
    keyIds: keys.map(({ id }) => id),
    seal: (owner, text) => {
      if (!current) throw new Error('there is no key to encrypt a secret with: SECRET_KEYS is not set');
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, current.key, nonce).setAAD(ownerOf(current.id, owner));
      const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
      return { keyId: current.id, sealed: sealed.toString('base64') };
    },
    open: (owner, { keyId, sealed }) => {
      const known = keys.find(({ id }) => id === keyId);
      if (!known)
        throw new Error(
          `the secret ${owner.field} was encrypted with the key ${JSON.stringify(keyId)}, which is not among SECRET_KEYS`,
        );
      const bytes = Buffer.from(sealed, 'base64');
      try {
        const decipher = createDecipheriv(ALGORITHM, known.key, bytes.subarray(0, NONCE_BYTES), {
          authTagLength: TAG_BYTES,
        })
          .setAAD(ownerOf(keyId, owner))
          .setAuthTag(bytes.subarray(-TAG_BYTES));
        const text = Buffer.concat([
          decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)),
          decipher.final(),
        ]);
        return text.toString('utf8');
      } catch (error) {
        throw new Error(
          `the secret ${owner.field} can not be decrypted: the key ${JSON.stringify(keyId)} in SECRET_KEYS is not the one that encrypted it`,
          { cause: error },
        );
      }
    },
  };
}

const ownerOf = (keyId: string, { jobId, field }: SecretOwner) =>
  Buffer.from(JSON.stringify([keyId, jobId, field]));
