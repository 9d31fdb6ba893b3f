# TEMP and TMP are those of a fresh Windows.
$Step = 'temp-folders'
. "$PSScriptRoot\lib.ps1"

$table = Import-Table -Path "$PSScriptRoot\temp-folders.yaml"
Set-Table -Rows $table
Complete-Step
