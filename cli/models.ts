/**
 * The model that ships with the repository.
 *
 * @module
 */

/** Folder of the model that commands use where none is named. */
export const SHIPPED_MODEL: URL = new URL("../models/weights/stories/", import.meta.url);
