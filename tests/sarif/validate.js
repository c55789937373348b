// Holds a SARIF file against the public schema. It must not know who wrote the file.
//
// usage: node validate.js SCHEMA FILE...: one line of JSON a file, true or what the schema has against it

import { readFileSync } from "node:fs";

import Ajv from "ajv";
import addFormats from "ajv-formats";

const [schema, ...files] = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, "utf8")));
// One of its patterns is none in the stricter reading, and it says more than this library asks for.
const ajv = new Ajv({ strict: false, unicodeRegExp: false, allErrors: true });
addFormats(ajv);
const validate = ajv.compile(schema);
for (const file of files) {
  const against = validate(file) ? true : validate.errors.map((error) => `${error.instancePath}: ${error.message}`);
  console.log(JSON.stringify(against));
}
