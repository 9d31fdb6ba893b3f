# The firewall is on; remote desktop, ping and the Azure host get through.
$Step = 'firewall'
. "$PSScriptRoot\lib.ps1"

$table = Import-Table -Path "$PSScriptRoot\firewall.yaml"
foreach ($name in $table.profiles) {
    if ("$((Get-NetFirewallProfile -Name $name).Enabled)" -ne 'True') {
        Set-NetFirewallProfile -Name $name -Enabled True
        Add-Note "firewall on for $name"
    }
}
foreach ($group in $table.groups) {
    $closed = @(Get-NetFirewallRule -Group $group | Where-Object -Property Enabled -NE -Value 'True')
    if ($closed.Count -gt 0) {
        Enable-NetFirewallRule -Group $group
        Add-Note "opened $group"
    }
}
foreach ($name in $table.rules) {
    if ("$((Get-NetFirewallRule -Name $name).Enabled)" -ne 'True') {
        Enable-NetFirewallRule -Name $name
        Add-Note "opened $name"
    }
}
foreach ($direction in @('Inbound', 'Outbound')) {
    $name = "vmoffer-azure-host-$direction"
    if ($null -eq (Get-NetFirewallRule -Name $name -ErrorAction SilentlyContinue)) {
        [void] (New-NetFirewallRule -Name $name -DisplayName "Azure host ($direction)" -Direction $direction `
            -RemoteAddress $table.host -Action Allow -Profile Any)
        Add-Note "allowed $($table.host) $direction"
    }
}
Complete-Step
