package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tillseal/tillseal/shared/loyalty"
	"github.com/tillseal/tillseal/shared/strictjson"
)

// readRules reads the loyalty rules of each version.
func (a *auditor) readRules(ctx context.Context) error {
	a.rules = make(map[string]*loyalty.Rules)
	return a.each(ctx, "audit.loyalty_rules", rulesSQL, func(scan scan) error {
		var version, text string
		if err := scan(&version, &text); err != nil {
			return err
		}
		if rules, err := loyalty.Parse([]byte(text)); err == nil && rules.Version == version {
			a.rules[version] = rules
		}
		return nil
	})
}

// rulesOf are the rules of a version; nil where nobody has told them, which is said once.
func (a *auditor) rulesOf(version string) *loyalty.Rules {
	rules, asked := a.rules[version]
	if !asked {
		a.rules[version] = nil
		a.skip(fmt.Sprintf("points of version %q of the loyalty rules: no gateway has told what they are", version))
	}
	return rules
}

// adjusted is by how many points an operator's request changes a customer's.
func adjusted(request []byte) (int64, bool) {
	var asked struct {
		Points json.Number `json:"points"`
	}
	if json.Unmarshal(request, &asked) != nil {
		return 0, false
	}
	return strictjson.Integer(asked.Points.String())
}
