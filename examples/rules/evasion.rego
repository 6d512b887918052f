# A house that bears less evasion than the catalog allows.
package bank.evasion

id := "BANK-01"

title := "At most one fraud in five gets past the model"

stages := ["validation", "production"]

deny contains message if {
	not input.evidence["robustness.evasion_budget"]
	message := "nobody measured evasion on these bytes"
}

deny contains message if {
	some figure in input.evidence["robustness.evasion_budget"].metrics
	startswith(figure.name, "success[")
	figure.high > 0.2
	message := sprintf("%s may be as high as %.2f, this house bears 0.20", [figure.name, figure.high])
}
