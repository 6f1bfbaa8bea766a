//! How deep a query may be nested.
//!
//! What parses, plans and drops a query does so by recursion, and a stack that overflows ends the whole
//! process. So a text is bounded before it is parsed, and its tree before it is planned; the threads that
//! do all this have a stack that is large enough for what is let through.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr, Query, SetExpr, TableFactor, Visit, Visitor};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::QueryError;

/// Of the threads that work on queries. It is reserved, and takes memory as far as it is used.
pub(crate) const STACK_BYTES: usize = 256 << 20;

/// The longest text: each two bytes of it can be a level of the tree that is dropped when it is refused.
pub(crate) const TEXT_BYTES: usize = 128 << 10;

/// Expressions within expressions; `a or b or c` are two.
pub(crate) const EXPRESSIONS: usize = 500;

/// Tables, subqueries and branches of a `union` in all: a plan may have each below the one before.
pub(crate) const RELATIONS: usize = 200;

/// Checks what a parser would take in by recursion, or build without any.
pub(crate) fn check_text(text: &str) -> Result<(), QueryError> {
    if text.len() > TEXT_BYTES {
        return Err(too_large(format!(
            "its text is longer than {} KiB",
            TEXT_BYTES >> 10
        )));
    }
    // What can't be read is the parser's to refuse.
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize();
    let (mut open, mut deepest, mut types, mut explains) = (0_usize, 0, 0, 0);
    let mut before = &Token::EOF;
    let tokens = tokens.unwrap_or_default();
    for token in tokens
        .iter()
        .filter(|token| !matches!(token, Token::Whitespace(_)))
    {
        match token {
            Token::LParen => open += 1,
            Token::RParen => open = open.saturating_sub(1),
            // Types within types: `array<array<int>>`, `int[][]`.
            Token::Lt => types += 1,
            Token::LBracket if *before == Token::RBracket => types += 1,
            Token::Word(word) if word.value.eq_ignore_ascii_case("explain") => explains += 1,
            _ => {}
        }
        deepest = deepest.max(open);
        before = token;
    }
    if deepest.max(types).max(explains) > EXPRESSIONS {
        return Err(nested());
    }
    Ok(())
}

/// Checks a parsed tree, going no deeper than it may be.
pub(crate) fn check_tree(statement: &Statement) -> Result<(), QueryError> {
    let mut statement = statement;
    while let Statement::Explain(explain) = statement {
        statement = &explain.statement;
    }
    let Statement::Statement(statement) = statement else {
        return Ok(());
    };
    match statement.visit(&mut Walk::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

#[derive(Default)]
struct Walk {
    depth: usize,
    relations: usize,
}

impl Walk {
    fn relations(&mut self, more: usize) -> ControlFlow<QueryError> {
        self.relations += more;
        if self.relations <= RELATIONS {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(too_large(format!(
            "it has more than {RELATIONS} tables, subqueries and branches of a union"
        )))
    }
}

impl Visitor for Walk {
    type Break = QueryError;

    fn pre_visit_expr(&mut self, _: &Expr) -> ControlFlow<QueryError> {
        self.depth += 1;
        if self.depth > EXPRESSIONS {
            return ControlFlow::Break(nested());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<QueryError> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<QueryError> {
        // A chain of unions hangs down to the left; what is in its parentheses is a query of its own.
        let mut branches = 1;
        let mut body = &*query.body;
        while let SetExpr::SetOperation { left, .. } = body {
            branches += 1;
            body = left;
        }
        self.relations(branches)
    }

    fn pre_visit_table_factor(&mut self, _: &TableFactor) -> ControlFlow<QueryError> {
        self.relations(1)
    }
}

fn nested() -> QueryError {
    too_large(format!(
        "more than {EXPRESSIONS} of its expressions or types lie within each other (write a chain of `or` as `in (...)`)"
    ))
}

fn too_large(reason: String) -> QueryError {
    QueryError::TooLarge { reason }
}
