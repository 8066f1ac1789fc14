/**
 * Rewriting the IR: one map over direct children per node type, and the walks built from them.
 *
 * @module
 */
import { binary, cast, type Expr, load, reduce, select, unary, variable } from "./expr.ts";
import { alloc, type Block, block, forLoop, ifThen, seq, type Stmt, store } from "./stmt.ts";

/** The expression with each direct operand replaced by `f` of it; the same object if none changed. */
export function mapExprChildren(e: Expr, f: (child: Expr) => Expr): Expr {
  switch (e.kind) {
    case "const":
    case "var":
      return e;
    case "load":
      return load(e.buffer, e.dtype, e.indices.map((x) => f(x)));
    case "unary":
      return unary(e.op, f(e.x));
    case "cast":
      return cast(e.dtype, f(e.x));
    case "binary":
      return binary(e.op, f(e.a), f(e.b));
    case "select":
      return select(f(e.cond), f(e.then), f(e.otherwise));
    case "reduce":
      return reduce(e.op, e.axes.map((a) => ({ name: a.name, extent: f(a.extent) })), f(e.body));
    default:
      return e satisfies never;
  }
}

/** Rebuilds an expression from the leaves up; shared parts are visited once. */
export function rewriteExpr(e: Expr, f: (node: Expr) => Expr): Expr {
  const done = new Map<Expr, Expr>();
  const visit = (node: Expr): Expr => {
    const known = done.get(node);
    if (known !== undefined) return known;
    const result = f(mapExprChildren(node, visit));
    done.set(node, result);
    return result;
  };
  return visit(e);
}

/**
 * Replaces variables by expressions. Names are unique in a function, so nothing can be captured; a variable that a
 * reduction binds must not be among `values`.
 */
export function substitute(e: Expr, values: ReadonlyMap<string, Expr>): Expr {
  if (values.size === 0) return e;
  return rewriteExpr(e, (node) => (node.kind === "var" ? values.get(node.name) ?? node : node));
}

/** The expression with variables and the axes of reductions under other names. */
export function renameVars(e: Expr, names: ReadonlyMap<string, string>): Expr {
  if (names.size === 0) return e;
  return rewriteExpr(e, (node) => {
    if (node.kind === "var") return variable(names.get(node.name) ?? node.name);
    if (node.kind !== "reduce") return node;
    return reduce(node.op, node.axes.map((a) => ({ ...a, name: names.get(a.name) ?? a.name })), node.body);
  });
}

/** The statement with each direct sub-statement replaced by `f` of it. A block keeps its regions. */
export function mapStmtChildren(s: Stmt, f: (child: Stmt) => Stmt): Stmt {
  switch (s.kind) {
    case "for":
      return forLoop(s.var, s.extent, f(s.body), s.loop);
    case "alloc":
      return alloc(s.buffer, f(s.body));
    case "block":
      return block({ ...s, ...(s.init === undefined ? {} : { init: f(s.init) }), body: f(s.body) });
    case "if":
      return ifThen(s.cond, f(s.then), s.otherwise === undefined ? undefined : f(s.otherwise));
    case "seq":
      return seq(s.body.map((x) => f(x)));
    case "store":
    case "barrier":
      return s;
    default:
      return s satisfies never;
  }
}

/** Rebuilds a statement from the leaves up. */
export function rewriteStmt(s: Stmt, f: (node: Stmt) => Stmt): Stmt {
  return f(mapStmtChildren(s, (child) => rewriteStmt(child, f)));
}

/** Applies `f` to every expression of a statement and its sub-statements, regions included. */
export function mapStmtExprs(s: Stmt, f: (e: Expr) => Expr): Stmt {
  return rewriteStmt(s, (node): Stmt => {
    switch (node.kind) {
      case "for":
        return forLoop(node.var, f(node.extent), node.body, node.loop);
      case "alloc":
        return alloc({
          ...node.buffer,
          shape: node.buffer.shape.map((x) => f(x)),
          ...(node.buffer.strides === undefined ? {} : { strides: node.buffer.strides.map((x) => f(x)) }),
        }, node.body);
      case "block":
        return mapBlockExprs(node, f);
      case "if":
        return ifThen(f(node.cond), node.then, node.otherwise);
      case "store":
        return store(node.buffer, node.indices.map((x) => f(x)), f(node.value));
      case "seq":
      case "barrier":
        return node;
      default:
        return node satisfies never;
    }
  });
}

function mapBlockExprs(b: Block, f: (e: Expr) => Expr): Block {
  const region = (r: Block["reads"][number]) => ({
    ...r,
    min: r.min.map((x) => f(x)),
    extent: r.extent.map((x) => f(x)),
  });
  return block({
    ...b,
    iters: b.iters.map((i) => ({ ...i, extent: f(i.extent), binding: f(i.binding) })),
    predicate: f(b.predicate),
    reads: b.reads.map(region),
    writes: b.writes.map(region),
  });
}

/** Replaces variables by expressions in a statement and its sub-statements (see {@linkcode substitute}). */
export function substituteStmt(s: Stmt, values: ReadonlyMap<string, Expr>): Stmt {
  return values.size === 0 ? s : mapStmtExprs(s, (e) => substitute(e, values));
}
