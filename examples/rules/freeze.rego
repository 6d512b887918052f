# Nothing goes live in the last week of December: fewer people are there to roll it back.
package bank.freeze

id := "BANK-02"

title := "No change during the end-of-year freeze"

stages := ["production"]

deny contains message if {
	[_, month, day] := time.date(input.now * 1000000000)
	month == 12
	day >= 24
	message := sprintf("%d December lies in the freeze", [day])
}
