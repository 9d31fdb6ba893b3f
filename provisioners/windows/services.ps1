# Services start the way Azure expects.
$Step = 'services'
. "$PSScriptRoot\lib.ps1"

$table = Get-Content -Raw -LiteralPath "$PSScriptRoot\services.json" | ConvertFrom-Json
foreach ($row in $table) {
    $service = Get-Service -Name $row.name -ErrorAction SilentlyContinue
    if ($null -eq $service) {
        Write-Host "vmoffer: ${Step}: note: there is no service $($row.name) on this Windows"
        continue
    }
    if ("$($service.StartType)" -ne $row.start) {
        # Some of them refuse the service manager; the registry is what it would write.
        $path = "Registry::HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\$($row.name)"
        $number = @{ Automatic = 2; Manual = 3 }[$row.start]
        [void] (New-ItemProperty -LiteralPath $path -Name Start -PropertyType DWord -Value $number -Force)
        Add-Note "$($row.name) starts $($row.start)"
    }
}
Complete-Step
