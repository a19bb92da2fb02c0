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
		var version, text, hash string
		if err := scan(&version, &text, &hash); err != nil || text == "" {
			return err
		}
		a.rules[version] = nil // which is not asked for again
		if rules, err := loyalty.Parse([]byte(text)); err == nil && rules.Version == version && rules.Hash == bytesOf(hash) {
			a.rules[version] = rules
			return nil
		}
		a.found(Finding{Kind: RulesAltered, Detail: fmt.Sprintf("the rules of version %q are not those of its hash: points by them can't be checked", version)})
		return nil
	})
}

// rulesOf are the rules of a version; nil where nobody has told them, which is said once.
func (a *auditor) rulesOf(version string) *loyalty.Rules {
	rules, asked := a.rules[version]
	if !asked {
		a.rules[version] = nil
		a.skip(fmt.Sprintf("points of version %q of the loyalty rules: no gateway has told what they are", version), PointsWrong)
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
