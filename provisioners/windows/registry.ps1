# Settings in the registry: remote desktop, DVD-ROM, clock, temporary folders, crash dumps.
$Step = 'registry'
. "$PSScriptRoot\lib.ps1"

$table = Get-Content -Raw -LiteralPath "$PSScriptRoot\registry.json" | ConvertFrom-Json
foreach ($row in $table) {
    $path = "Registry::HKEY_LOCAL_MACHINE\$($row.key)"
    if ($row.value -eq 'absent') {
        if ($null -ne (Get-Value -Path $path -Name $row.name)) {
            Remove-ItemProperty -LiteralPath $path -Name $row.name
            Add-Note "removed $($row.name)"
        }
        continue
    }
    if (-not (Test-Path -LiteralPath $path)) {
        [void] (New-Item -Path $path -Force)
    }
    $wanted = $row.value
    $found = Get-Value -Path $path -Name $row.name
    if ("$found" -ne "$wanted") {
        [void] (New-ItemProperty -LiteralPath $path -Name $row.name -PropertyType $row.type -Value $wanted -Force)
        Add-Note "$($row.name) = $wanted"
    }
}
Complete-Step
