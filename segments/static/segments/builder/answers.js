// What the server says of a rule, by the nodes that it concerns. `places`: the path of each node, as `write` gave it.

export function byNode({ lines, proofs }, places) {
  const nodes = new Map([...places].map(([id, at]) => [at, id]));
  const mapped = (found) => new Map(found.filter(({ at }) => nodes.has(at)).map((each) => [nodes.get(each.at), each]));
  return { lines: mapped(lines), proofs: mapped(proofs) };
}

// Each problem `at` the deepest node that it concerns, as long as that `isHere`; the others are `elsewhere`.
export function placed(problems, places, isHere) {
  const at = new Map();
  const elsewhere = [];
  for (const { path, message } of problems) {
    const id = deepest(path, places);
    const text = `${message[0].toUpperCase()}${message.slice(1)}.`.replace("..", ".");
    if (id && isHere(id)) at.set(id, text);
    else elsewhere.push(text);
  }
  return { at, elsewhere };
}

function deepest(path, places) {
  const holds = (at) => path === at || path.startsWith(`${at}.`) || path.startsWith(`${at}[`);
  const found = [...places].filter(([, at]) => holds(at)).sort((one, other) => other[1].length - one[1].length);
  return found[0]?.[0];
}
