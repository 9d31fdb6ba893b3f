# Services start the way Azure expects.
$Step = 'services'
. "$PSScriptRoot\lib.ps1"

$table = Import-Table -Path "$PSScriptRoot\services.yaml"
Set-Table -Rows $table -OnlyExistingKeys
Complete-Step
