# What every step uses. A step reads this file; `vmoffer generate` puts it inside each rendered script.
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$script:Notes = New-Object -TypeName System.Collections.ArrayList

# Whatever is thrown ends the step with one clear line and a status that Packer sees.
trap {
    Write-Host "vmoffer: ${Step}: failed: $_"
    exit 1
}

# Add-Note: what changed; all notes become the one line that the step prints.
function Add-Note {
    param([string] $Text)
    [void] $script:Notes.Add($Text)
}

function Complete-Step {
    $summary = 'nothing to change'
    if ($script:Notes.Count -gt 0) {
        $summary = $script:Notes -join '; '
    }
    Write-Host "vmoffer: ${Step}: $summary"
    exit 0
}

# Invoke-Tool: a program of Windows, whose failing means that the step fails.
function Invoke-Tool {
    param([string] $Path, [string[]] $Arguments)
    # Windows PowerShell takes a program's first line on stderr for an error of its own; the status decides.
    $ErrorActionPreference = 'Continue'
    $output = & $Path @Arguments 2>&1
    $ErrorActionPreference = 'Stop'
    if ($LASTEXITCODE -ne 0) {
        throw "$Path $($Arguments -join ' ') ended with $LASTEXITCODE`: $output"
    }
}

# Get-Value: a registry value, or $null where the key or the value is missing.
function Get-Value {
    param([string] $Path, [string] $Name)
    if (-not (Test-Path -LiteralPath $Path)) {
        return $null
    }
    $key = Get-Item -LiteralPath $Path
    return $key.GetValue($Name, $null, [Microsoft.Win32.RegistryValueOptions]::DoNotExpandEnvironmentNames)
}

# Set-Table: rows of a registry table (hive, key, value, type, data), each written only where it differs.
function Set-Table {
    param([object[]] $Rows, [switch] $OnlyExistingKeys)
    foreach ($row in $Rows) {
        $path = "Registry::HKEY_LOCAL_MACHINE\$($row.hive)\$($row.key)"
        if ($row.type -eq 'absent') {
            if ($null -ne (Get-Value -Path $path -Name $row.value)) {
                Remove-ItemProperty -LiteralPath $path -Name $row.value
                Add-Note "removed $($row.value)"
            }
            continue
        }
        if (-not (Test-Path -LiteralPath $path)) {
            if ($OnlyExistingKeys) {
                Write-Host "vmoffer: ${Step}: note: there is no $($row.key) on this Windows"
                continue
            }
            [void] (New-Item -Path $path -Force)
        }
        $data = $row.data
        if ($row.type -eq 'DWord') {
            # The provider takes a signed number; 0xFFFFFFFF is -1 there.
            $data = [System.BitConverter]::ToInt32([System.BitConverter]::GetBytes([uint32] $row.data), 0)
        }
        $found = Get-Value -Path $path -Name $row.value
        $same = $null -ne $found -and "$found" -eq "$data" -and "$((Get-Item -LiteralPath $path).GetValueKind($row.value))" -eq $row.type
        if (-not $same) {
            [void] (New-ItemProperty -LiteralPath $path -Name $row.value -PropertyType $row.type -Value $data -Force)
            Add-Note "$($row.key)\$($row.value) = $data"
        }
    }
}
