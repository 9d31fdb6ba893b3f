# The page file is on the temporary disk.
$Step = 'page-file'
. "$PSScriptRoot\lib.ps1"

$table = Import-Table -Path "$PSScriptRoot\page-file.yaml"
Set-Table -Rows $table
Complete-Step
