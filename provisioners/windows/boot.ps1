# Boot loader, serial console, disks, power plan and proxy, each by the tool of Windows that owns it.
$Step = 'boot'
. "$PSScriptRoot\lib.ps1"

$table = Import-Table -Path "$PSScriptRoot\boot.yaml"
foreach ($row in $table) {
    Invoke-Tool -Path $row.tool -Arguments $row.arguments
}
Add-Note "applied $($table.Count) settings"
if ("$((Get-StorageSetting).NewDiskPolicy)" -ne 'OnlineAll') {
    Set-StorageSetting -NewDiskPolicy OnlineAll
    Add-Note 'new disks come online'
}
$routes = 'Registry::HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters\PersistentRoutes'
if (Test-Path -LiteralPath $routes) {
    foreach ($route in (Get-Item -LiteralPath $routes).GetValueNames()) {
        Remove-ItemProperty -LiteralPath $routes -Name $route
        Add-Note "removed route $route"
    }
}
Complete-Step
