# The DVD drive works: Azure hands over the configuration on it.
$Step = 'dvd'
. "$PSScriptRoot\lib.ps1"

$table = Import-Table -Path "$PSScriptRoot\dvd.yaml"
Set-Table -Rows $table
Complete-Step
