# The second line of defence must be among those who approve a critical system.
package bank.second_line

id := "BANK-03"

title := "The second line approves critical systems"

stages := ["production"]

second_line := {"bob", "carol"}

deny contains message if {
	input.manifest.system.criticality in {"high", "critical"}
	approvers := {approval.by | some approval in input.approvals}
	count(approvers & second_line) == 0
	message := "nobody of the second line approved these digests"
}
