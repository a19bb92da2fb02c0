package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tillseal/tillseal/shared/fault"
)

// Kinds maps SQLSTATEs to kinds of fault, each by its five characters or, for a whole class, by its first two (Postgres's manual,
// appendix A). A match of five goes before one of two.
type Kinds map[string]fault.Kind

// kinds is what a SQLSTATE means to every service. One that is not listed is Unknown: logged as an error, and tried again where work is
// retried. So is all of class 42, a missing grant or table: a migration or an operator fixes it while the services run.
var kinds = Kinds{
	"21":    fault.Invalid, // cardinality: two rows of one statement for one key
	"22":    fault.Invalid, // data exception
	"23":    fault.Invalid, // constraint
	"23505": fault.Conflict,
	"08":    fault.Transient, // connection
	"0A":    fault.Transient, // a prepared statement whose plan a migration has outdated: the next try plans it anew
	"25006": fault.Transient, // read-only transaction: a standby, which is promoted or is no longer what DB_URL leads to
	"25P03": fault.Transient, // idle_in_transaction_session_timeout
	"25P04": fault.Transient, // transaction_timeout
	"26":    fault.Transient, // a prepared statement that is gone with its session, behind a pooler
	"28":    fault.Transient, // login: roles and passwords are changed while services run
	"3D":    fault.Transient, // no such database: it is being restored
	"40":    fault.Transient, // serialization failure, deadlock
	"53":    fault.Transient, // resources: disk, memory, connections
	"55":    fault.Transient, // lock_timeout, objects in use
	"57":    fault.Transient, // statement_timeout, shutdown, start-up
	"58":    fault.Transient, // system: I/O
}

// quotable are the classes whose messages are about the server and its objects, never about a row's values.
const quotable = " 08 25 28 3D 42 53 57 58 "

// Fault gives an error from Postgres, or from the connection to it, its kind by the one table, with what was tried. A message of Postgres that
// may quote a row is left out. An error that was given a kind already keeps it; nil stays nil.
func Fault(what string, err error) error { return kinds.Fault(what, err) }

// Fault is the function Fault, where k goes before the table.
func (k Kinds) Fault(what string, err error) error {
	answer, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		return nil
	case fault.Has(err):
		return fmt.Errorf("%s: %w", what, err)
	case answered:
		return fault.New(k.of(answer.Code), "%s: %s", what, withoutRow(answer))
	}
	return fault.New(fault.Transient, "%s: %w", what, err) // the connection broke, there was none, or time ran out
}

func (k Kinds) of(code string) fault.Kind {
	class := code[:min(2, len(code))]
	for _, key := range []string{code, class} {
		for _, table := range []Kinds{k, kinds} {
			if kind, ok := table[key]; ok {
				return kind
			}
		}
	}
	return fault.Unknown
}

// withoutRow is the text of an answer without anything that may quote a row.
func withoutRow(answer *pgconn.PgError) string {
	text := "Postgres answered " + answer.Code
	if answer.ConstraintName != "" {
		text += fmt.Sprintf(" (constraint %s)", answer.ConstraintName)
	}
	if len(answer.Code) > 1 && strings.Contains(quotable, " "+answer.Code[:2]+" ") {
		text += ": " + answer.Message
	}
	return text
}
