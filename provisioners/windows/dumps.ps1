# A crash of Windows or of a program leaves a dump.
$Step = 'dumps'
. "$PSScriptRoot\lib.ps1"

$table = Import-Table -Path "$PSScriptRoot\dumps.yaml"
Set-Table -Rows $table
Complete-Step
