# A slow NVMe disk is waited for, when the plan declares NVMe.
$Step = 'nvme'
. "$PSScriptRoot\lib.ps1"

$table = Import-Table -Path "$PSScriptRoot\nvme.yaml"
if ($env:NVME -eq 'yes') {
    Set-Table -Rows $table
}
Complete-Step
